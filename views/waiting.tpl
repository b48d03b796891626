% rebase('interview.tpl')
% include('countdown.tpl', label=t('page.starts_in'), until=turns['starts_at'])
<p>{{!t.html('waiting.starts', time=t.time(access.starts_at, view.timezone))}}</p>
<h2>{{t('waiting.what')}}</h2>
<ul>
<li>{{t('waiting.limited' if limited else 'waiting.questions')}}</li>
% if needs:
<li>{{t('waiting.audio' if needs == 'audio' else 'waiting.video')}}</li>
% end
<li>{{t('waiting.saved')}}</li>
<li>{{!t.html('waiting.time', end=t.time(access.deadline, view.timezone))}}</li>
<li>{{t('waiting.quiet')}}</li>
<li>{{t('waiting.connection')}}</li>
</ul>
<noscript><p class="hint">{{t('no_script.waiting')}}</p></noscript>
