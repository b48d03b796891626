% rebase('interview.tpl', chip='Closed', heading='The time to begin has passed')
% if access.closes_at >= access.deadline:
<p>This interview could be begun until it ended, at <strong>{{times.time_words(access.deadline, view.timezone)}}</strong>.</p>
% else:
<p>This interview could be begun until <strong>{{times.time_words(access.closes_at, view.timezone)}}</strong>.</p>
% end
<p>If something kept you from it, <strong>reply to the mail with your link</strong> and say what happened, with the interview number below. The team at {{view.company_name}} will tell you what is possible.</p>
