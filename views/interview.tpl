% heading = t(state + '.heading')
% rebase('layout.tpl', title=t('page.title', heading=heading, company=view.company_name))
% room = ('room', 'view', 'drafts', *(('recorder', 'recorderview', 'shelf', 'media') if needs else ()))
% parts = {'early': ('check', *(('media',) if needs else ())), 'waiting': ('check', *room), 'open': room, 'running': room, 'done': ('closing', 'drafts', 'shelf')}
<main data-interview data-state="{{state}}" data-server-time="{{turns['server_time']}}" data-opens-at="{{turns['opens_at']}}" data-starts-at="{{turns['starts_at']}}" data-closes-at="{{turns['closes_at']}}" data-deadline="{{turns['deadline']}}" data-ends-at="{{turns['ends_at']}}"
% for part in parts.get(state, ()):
 data-{{part}}="{{static[part + '.js']}}"
% end
 data-needs="{{needs}}" data-longest="{{text_length}}">
<section class="card" aria-labelledby="heading">
% if state == 'running':
% include('bar.tpl')
% else:
<p class="state state-{{state}}">{{t(state + '.chip')}}</p>
% end
<h1 id="heading" tabindex="-1">{{heading}}</h1>
% if state in ('early', 'waiting', 'open'):
<p class="hint" data-skew hidden></p>
% end
{{!base}}
</section>
% if state in ('early', 'waiting'):
% include('check.tpl')
% end
% if state == 'running':
<details class="card">
<summary>{{t('facts.heading')}}</summary>
% else:
<section class="card" aria-labelledby="facts">
<h2 id="facts">{{t('facts.heading')}}</h2>
% end
<dl class="facts">
<div><dt>{{t('facts.position')}}</dt><dd>{{t('facts.job', job=view.job_title, company=view.company_name)}}</dd></div>
<div><dt>{{t('facts.candidate')}}</dt><dd><span data-candidate>{{view.candidate_name}}</span></dd></div>
% for number, clock in enumerate(clocks):
<div>
<dt>{{t('facts.yours' if number else 'facts.was' if state == 'cancelled' else 'facts.when')}}</dt>
<dd>
% if number == 0:
{{clock.date}}<br><time data-start datetime="{{times.iso(view.started_at)}}">{{clock.start}}</time> {{t('facts.to')}} <time data-end datetime="{{times.iso(view.ended_at)}}">{{clock.end}}</time>
% else:
{{clock.date}}<br>{{clock.start}} {{t('facts.to')}} {{clock.end}}
% end
<br><small>{{clock.zone}}</small>
</dd>
</div>
% end
% if state in ('early', 'waiting', 'open'):
% offsets = [times.in_zone(view.started_at, zone).utcoffset().total_seconds() // 60 for zone in view.zones()]
<div data-device="{{' '.join(f'{offset:.0f}' for offset in offsets)}}" hidden><dt>{{t('facts.device')}}</dt><dd class="notes"></dd></div>
% end
<div><dt>{{t('facts.duration')}}</dt><dd>{{t.duration((view.ended_at - view.started_at).total_seconds())}}</dd></div>
% if view.booking_notes:
<div><dt>{{t('facts.notes')}}</dt><dd class="notes">{{view.booking_notes}}</dd></div>
% end
% if view.reference:
<div><dt>{{t('facts.reference')}}</dt><dd>{{view.reference}}</dd></div>
% end
<div><dt>{{t('facts.number')}}</dt><dd><span data-reference>{{view.code}}</span></dd></div>
</dl>
{{!'</details>' if state == 'running' else '</section>'}}
</main>
