% rebase('interview.tpl', chip='Ready to start', heading='Your interview is ready')
<p>It starts by itself in a moment. If it does not, press the button.</p>
<p><button type="button" class="primary" data-start-now disabled>Start now</button></p>
% if access.closes_at >= access.deadline:
<p>You can begin until the interview ends, at <strong>{{times.time_words(access.deadline, view.timezone)}}</strong>.</p>
% else:
<p>You can begin until <strong>{{times.time_words(access.closes_at, view.timezone)}}</strong>. If you begin late, the end stays the same.</p>
% end
<noscript><p class="hint">Your browser does not run this page's script, so the interview cannot start. Please allow scripts for this site, or use another browser, and open the link of your mail again.</p></noscript>
