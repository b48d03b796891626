% rebase('interview.tpl')
<div data-step="loading">
<p>{{!t.html('running.times', begun=t.time(view.begun_at, view.timezone), end=t.time(access.deadline, view.timezone))}}</p>
<p>{{t('running.return')}}</p>
<p data-loading hidden>{{t('running.loading')}}</p>
<noscript><p class="hint">{{t('no_script.running')}}</p></noscript>
</div>
<div data-step="elsewhere" hidden>
<p data-elsewhere></p>
<p>{{t('room.nothing_lost')}}</p>
<p><button type="button" class="primary" data-continue>{{t('room.continue')}}</button></p>
</div>
<div data-step="question" hidden>
<progress aria-labelledby="heading" value="0" max="1" data-progress></progress>
<div data-limited hidden>
<p data-limit></p>
<p>{{t('room.limit_runs')}}</p>
<p><button type="button" class="primary" data-open>{{t('room.open')}}</button></p>
</div>
<div data-answering>
<p class="own" data-own hidden></p>
% if needs:
% include('recorder.tpl')
% end
<div data-conflict hidden>
% include('conflict.tpl')
</div>
<div data-writing>
<div class="row"><label for="answer">{{t('room.answer')}}</label> <p class="count" data-count hidden></p></div>
<textarea id="answer" rows="9" maxlength="{{text_length}}" dir="auto" aria-describedby="heading" data-answer></textarea>
</div>
</div>
<p class="moves"><button type="button" data-back>{{t('room.back')}}</button> <button type="button" class="primary" data-next>{{t('script.next')}}</button></p>
<nav aria-label="{{t('room.all')}}"><ol class="numbers" data-list></ol></nav>
</div>
<div data-step="review" hidden>
<p>{{t('room.review')}}</p>
<ol class="review" data-review></ol>
<p><button type="button" class="primary" data-finish>{{t('room.finish')}}</button></p>
</div>
<div data-step="ending" hidden>
<p data-ending></p>
</div>
<dialog aria-labelledby="sure" data-confirm>
<h2 id="sure">{{t('room.sure')}}</h2>
<p data-missing></p>
<p>{{t('room.final')}}</p>
<p class="hint" role="status" data-unsaved hidden></p>
<p class="moves"><button type="button" data-cancel>{{t('room.cancel')}}</button> <button type="button" class="primary" data-sure>{{t('room.finish_now')}}</button></p>
</dialog>
