% rebase('layout.tpl', title=t('unknown_link.title'))
<main>
<section class="card" aria-labelledby="heading">
<p class="state state-late">{{t('unknown_link.chip')}}</p>
<h1 id="heading" tabindex="-1">{{t('unknown_link.heading')}}</h1>
<p>{{t('unknown_link.text')}}</p>
<ol>
<li>{{!t.html('unknown_link.newest')}}</li>
<li>{{!t.html('unknown_link.whole')}}</li>
<li>{{!t.html('unknown_link.reply')}}</li>
</ol>
</section>
</main>
