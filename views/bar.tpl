<div class="bar">
<p class="left" data-countdown="{{turns['deadline']}}" hidden><span class="label">{{t('page.left')}}</span> <span class="clock" role="timer" aria-live="off" data-clock></span></p>
<p class="saved" data-saved></p>
</div>
