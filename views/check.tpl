<section class="card" aria-labelledby="check" data-checks hidden>
<h2 id="check">{{t('check.heading')}}</h2>
<p data-connection>{{t('check.connection')}}</p>
% if needs:
<div data-devices="{{needs}}">
<p>{{t('check.audio' if needs == 'audio' else 'check.video')}}</p>
% if needs == 'video':
<video class="picture" aria-hidden="true" muted playsinline data-preview hidden></video>
% end
<p data-found hidden></p>
<p data-hearing hidden><label for="level">{{t('check.level')}}</label> <meter id="level" min="0" max="1" value="0"></meter></p>
<p class="moves"><button type="button" data-check-devices>{{t('check.button_audio' if needs == 'audio' else 'check.button_video')}}</button></p>
</div>
% end
</section>
