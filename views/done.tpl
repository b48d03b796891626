% rebase('interview.tpl')
<p>{{t('done.thanks')}}</p>
<p>{{t('done.next', company=view.company_name)}}</p>
