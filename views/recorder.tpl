<div class="recorder" data-recorder hidden>
% if needs == 'video':
<video class="picture" aria-hidden="true" muted playsinline data-preview hidden></video>
<video class="picture" aria-label="{{t('record.yours')}}" controls playsinline data-played-video hidden></video>
% end
<audio aria-label="{{t('record.yours')}}" controls data-played-audio hidden></audio>
<p data-recorded></p>
<p data-hearing hidden><label for="level">{{t('check.level')}}</label> <meter id="level" min="0" max="1" value="0"></meter></p>
<p data-sent hidden></p>
<p class="hint" data-trouble hidden></p>
<p class="moves"><button type="button" class="primary" data-record>{{t('script.record')}}</button> <button type="button" class="primary" data-stop hidden>{{t('record.stop')}}</button> <button type="button" data-write>{{t('script.write')}}</button></p>
</div>
