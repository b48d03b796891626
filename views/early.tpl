% rebase('interview.tpl')
% include('countdown.tpl', label=t('page.starts_in'), until=turns['starts_at'])
% at = {'date': t.date(access.opens_at, view.timezone), 'time': t.time(access.opens_at, view.timezone)}
% if view.opens_before:
<p>{{!t.html('early.opens', before=t.duration(view.opens_before * 60), **at)}}</p>
% else:
<p>{{!t.html('early.opens_at_start', **at)}}</p>
% end
<p>{{t('early.return')}}</p>
<noscript><p class="hint">{{t('no_script.early')}}</p></noscript>
