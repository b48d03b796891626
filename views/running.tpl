% rebase('interview.tpl', chip='In progress', heading='Your interview has begun')
% include('countdown.tpl', label='Time left', until=turns['deadline'])
<p>It began at <strong><time data-begun datetime="{{times.iso(view.begun_at)}}">{{times.time_words(view.begun_at, view.timezone)}}</time></strong> and goes on until <strong>{{times.time_words(access.deadline, view.timezone)}}</strong>.</p>
<p>If this page closes or your device restarts, open the link of your mail again: the interview goes on where it was.</p>
