% rebase('interview.tpl', chip='Waiting room', heading='You are in the right place')
% include('countdown.tpl', label='Your interview starts in', until=turns['starts_at'])
<p><strong>The interview starts by itself</strong> at {{times.time_words(access.starts_at, view.timezone)}}. Keep this page open and in front; there is nothing to press.</p>
<ul>
<li>Find a quiet place and plug in your device if you can.</li>
<li>If your connection drops, just wait or reload: you lose nothing.</li>
</ul>
<noscript><p class="hint">Your browser does not run this page's script. The interview needs it: please allow scripts for this site, or use another browser, and open the link of your mail again.</p></noscript>
