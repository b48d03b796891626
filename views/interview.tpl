% rebase('layout.tpl', title=heading + ' - interview at ' + view.company_name)
<main data-interview data-state="{{state}}" data-server-time="{{turns['server_time']}}" data-opens-at="{{turns['opens_at']}}" data-starts-at="{{turns['starts_at']}}" data-closes-at="{{turns['closes_at']}}" data-deadline="{{turns['deadline']}}">
<section class="card" aria-labelledby="heading">
<p class="state state-{{state}}">{{chip}}</p>
<h1 id="heading" tabindex="-1">{{heading}}</h1>
{{!base}}
</section>
<section class="card" aria-labelledby="facts">
<h2 id="facts">Your interview</h2>
<dl class="facts">
<div><dt>Position</dt><dd>{{view.job_title}} at {{view.company_name}}</dd></div>
<div><dt>Candidate</dt><dd><span data-candidate>{{view.candidate_name}}</span></dd></div>
% for number, clock in enumerate(clocks):
<div>
<dt>{{'In your time zone' if number else 'It was booked for' if state == 'cancelled' else 'Date and time'}}</dt>
<dd>
% if number == 0:
{{clock.date}}<br><time data-start datetime="{{times.iso(view.started_at)}}">{{clock.start}}</time> to <time data-end datetime="{{times.iso(view.ended_at)}}">{{clock.end}}</time>
% else:
{{clock.date}}<br>{{clock.start}} to {{clock.end}}
% end
<br><small>{{clock.zone}}</small>
</dd>
</div>
% end
<div><dt>Duration</dt><dd>{{times.duration_words((view.ended_at - view.started_at).total_seconds())}}</dd></div>
% if view.booking_notes:
<div><dt>Notes</dt><dd class="notes">{{view.booking_notes}}</dd></div>
% end
% if view.reference:
<div><dt>Your reference</dt><dd>{{view.reference}}</dd></div>
% end
<div><dt>Interview number</dt><dd><span data-reference>{{view.code}}</span></dd></div>
</dl>
</section>
</main>
