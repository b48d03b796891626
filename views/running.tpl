% rebase('interview.tpl')
% include('countdown.tpl', label=t('page.left'), until=turns['deadline'])
<p>{{!t.html('running.times', begun=t.time(view.begun_at, view.timezone), end=t.time(access.deadline, view.timezone))}}</p>
<p>{{t('running.return')}}</p>
<noscript><p class="hint">{{t('no_script.running')}}</p></noscript>
