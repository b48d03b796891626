% rebase('layout.tpl', title=t('no_visit.heading'))
<main>
<section class="card" aria-labelledby="heading">
<h1 id="heading" tabindex="-1">{{t('no_visit.heading')}}</h1>
<p>{{t('no_visit.text')}}</p>
<p>{{t('no_visit.cookies')}}</p>
</section>
</main>
