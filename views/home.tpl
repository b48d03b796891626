% rebase('layout.tpl', title=t('page.brand'))
<main>
<section class="card" aria-labelledby="heading">
<h1 id="heading" tabindex="-1">{{t('home.heading')}}</h1>
<p>{{t('home.text')}}</p>
</section>
</main>
