% rebase('layout.tpl', title='Please open your link again')
<main>
<section class="card" aria-labelledby="heading">
<h1 id="heading" tabindex="-1">Please open the link in your mail again</h1>
<p>This page does not know yet who you are. The link in your mail brings you back to where you were; nothing is lost.</p>
<p>If you come here again and again, your browser blocks cookies for this site. Allow them, or use another browser. A private window is fine too.</p>
</section>
</main>
