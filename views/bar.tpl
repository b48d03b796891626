% local = times.in_zone(view.started_at, view.timezone)
<div class="bar" data-bar>
<p class="left" data-countdown="{{turns['deadline']}}" hidden><span class="label">{{t('page.left')}}</span> <span class="clock" role="timer" aria-live="off" data-clock></span></p>
<p class="saved" data-offset="{{f'{local.utcoffset().total_seconds() / 60:.0f}'}}" data-zone="{{times.zone_label(view.started_at, view.timezone)}}" data-saved></p>
</div>
