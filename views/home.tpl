% rebase('layout.tpl', title='Interview portal')
<main>
<section class="card" aria-labelledby="heading">
<h1 id="heading" tabindex="-1">Please open the link in your mail</h1>
<p>Every candidate has a personal link. It stands in the mail that invited you to the interview, and it brings you straight to your page, without a login.</p>
</section>
</main>
