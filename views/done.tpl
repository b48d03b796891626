% rebase('interview.tpl', chip='Finished', heading='Your interview is finished')
<p>Thank you for your time. You can close this page now.</p>
<p>{{view.company_name}} will contact you about the next steps.</p>
