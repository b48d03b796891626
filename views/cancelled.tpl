% rebase('interview.tpl')
<p>{{t('cancelled.meaning')}}</p>
<p>{{t('cancelled.help')}}</p>
