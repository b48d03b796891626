% said = status if f'error.{status}' in t.texts else 'other'
% heading = t(f'error.{said}')
% rebase('layout.tpl', title=heading)
<main>
<section class="card" aria-labelledby="heading">
<h1 id="heading" tabindex="-1">{{heading}}</h1>
<p>{{t(f'advice.{said}')}}</p>
</section>
</main>
