% rebase('layout.tpl', title='This link is not known')
<main>
<section class="card" aria-labelledby="heading">
<p class="state state-late">Link not known</p>
<h1 id="heading" tabindex="-1">We do not know this link</h1>
<p>Most often a part of it was lost on the way. This helps:</p>
<ol>
<li>Open the <strong>newest mail</strong> about your interview and tap the link there.</li>
<li>If you copy it, copy <strong>the whole link</strong>, to its last character, without spaces or line breaks.</li>
<li>If it still does not open, <strong>reply to that mail</strong>. Your interview is not lost by this.</li>
</ol>
</section>
</main>
