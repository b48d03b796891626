% rebase('interview.tpl', chip='Booked', heading='Your interview is booked')
% zone = view.timezone
% include('countdown.tpl', label='Your interview starts in', until=turns['starts_at'])
% if view.opens_before:
<p>Nothing to do yet. The waiting room on this page opens <strong>{{times.duration_words(view.opens_before * 60)}} before the start</strong>, on {{times.date_words(access.opens_at, zone)}} at <strong>{{times.time_words(access.opens_at, zone)}}</strong>.</p>
% else:
<p>Nothing to do yet. The interview opens <strong>at its start</strong>, on {{times.date_words(access.opens_at, zone)}} at <strong>{{times.time_words(access.opens_at, zone)}}</strong>.</p>
% end
<p>You can close this page and come back later with the link of your mail. It works as often as you need, on any device.</p>
<noscript><p class="hint">Your browser does not run this page's script. The interview needs it: please allow scripts for this site, or use another browser.</p></noscript>
