% words = {
%   400: ('This address is not complete', 'Please open the link in your mail again.'),
%   403: ('That was not allowed', 'Please open the link in your mail again and try once more.'),
%   404: ('There is no such page', 'Please open the link in your mail again.'),
%   405: ('That was not allowed', 'Please open the link in your mail again and try once more.'),
%   413: ('That was too large', 'Please open the link in your mail again and try once more.'),
%   421: ('This address does not belong to the portal', 'Please open the link exactly as it stands in your mail.'),
%   429: ('Too many links that we do not know', 'Please wait ten minutes. Then open the link of your newest mail, the whole of it.'),
%   503: ('The portal is busy', 'Please wait a few seconds and load this page again. Nothing is lost.'),
% }
% heading, advice = words.get(status, ('Something went wrong on our side', 'Please wait a moment and load this page again. Nothing is lost.'))
% rebase('layout.tpl', title=heading)
<main>
<section class="card" aria-labelledby="heading">
<h1 id="heading" tabindex="-1">{{heading}}</h1>
<p>{{advice}}</p>
</section>
</main>
