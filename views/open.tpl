% rebase('interview.tpl')
<p>{{t('open.starts')}}</p>
<p><button type="button" class="primary" data-start-now disabled>{{t('open.button')}}</button></p>
% if access.closes_at >= access.deadline:
<p>{{!t.html('open.until_end', time=t.time(access.deadline, view.timezone))}}</p>
% else:
<p>{{!t.html('open.until', time=t.time(access.closes_at, view.timezone))}}</p>
% end
<noscript><p class="hint">{{t('no_script.open')}}</p></noscript>
