% rebase('interview.tpl')
% include('countdown.tpl', label=t('page.starts_in'), until=turns['starts_at'])
<p>{{!t.html('waiting.starts', time=t.time(access.starts_at, view.timezone))}}</p>
<ul>
<li>{{t('waiting.quiet')}}</li>
<li>{{t('waiting.connection')}}</li>
</ul>
<noscript><p class="hint">{{t('no_script.waiting')}}</p></noscript>
