<p class="hint" tabindex="-1" data-torn>{{t('room.conflict')}}</p>
<div class="two">
<section aria-labelledby="mine">
<h2 id="mine">{{t('room.mine')}}</h2>
<p class="text" dir="auto" data-mine></p>
<p><button type="button" data-keep="mine">{{t('room.keep_mine')}}</button></p>
</section>
<section aria-labelledby="theirs">
<h2 id="theirs">{{t('room.theirs')}}</h2>
<p class="text" dir="auto" data-theirs></p>
<p><button type="button" data-keep="theirs">{{t('room.keep_theirs')}}</button></p>
</section>
</div>
<p><button type="button" data-keep="both">{{t('room.keep_both')}}</button></p>
