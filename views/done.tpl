% rebase('interview.tpl')
% if view.begun_at and (view.finished_at is None or view.finished_at >= view.ended_at):
<p>{{!t.html('done.by_time', time=t.time(view.ended_at, view.timezone))}}</p>
% end
% if said.asked and said.answered == said.asked:
<p class="kept">{{t('done.all', asked=said.asked)}}</p>
% elif said.asked and said.answered:
<p class="kept">{{t('done.some', answered=said.answered, asked=said.asked)}}</p>
% elif said.asked:
<p>{{t('done.none')}}</p>
% end
<p class="hint" data-late hidden>{{t('done.late')}}</p>
<p>{{t('done.thanks')}}</p>
<p>{{t('done.next', company=view.company_name)}}</p>
