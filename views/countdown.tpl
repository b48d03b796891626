<div class="countdown" data-countdown="{{until}}" hidden>
<p class="label">{{label}}</p>
<p class="clock" role="timer" aria-live="off" data-clock></p>
</div>
