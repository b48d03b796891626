% rebase('interview.tpl')
% if view.begun_at and (view.finished_at is None or view.finished_at >= view.ended_at):
<p>{{!t.html('done.by_time', time=t.time(view.ended_at, view.timezone))}}</p>
% end
<p class="hint" data-loading hidden>{{t('done.rest')}}</p>
% if said.asked and said.answered == said.asked:
<p class="kept" data-counts data-afterwards>{{t('done.all', asked=said.asked)}}</p>
% elif said.asked and said.answered:
<p class="kept" data-counts data-afterwards>{{t('done.some', answered=said.answered, asked=said.asked)}}</p>
% elif said.asked:
<p data-counts data-afterwards>{{t('done.none')}}</p>
% end
<p class="hint" data-late hidden>{{t('done.late')}}</p>
<p class="hint notes" data-kept hidden></p>
<p>{{t('done.thanks')}} <span data-afterwards>{{t('done.close')}}</span></p>
<p>{{t('done.next', company=view.company_name)}}</p>
