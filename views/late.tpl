% rebase('interview.tpl')
% if access.closes_at >= access.deadline:
<p>{{!t.html('late.until_end', time=t.time(access.deadline, view.timezone))}}</p>
% else:
<p>{{!t.html('late.until', time=t.time(access.closes_at, view.timezone))}}</p>
% end
<p>{{!t.html('late.help', company=view.company_name)}}</p>
