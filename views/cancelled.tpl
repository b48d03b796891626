% rebase('interview.tpl', chip='Cancelled', heading='This interview was cancelled')
<p>It does not take place, and this link does not open it any more. There is nothing that you have to do.</p>
<p>If you did not expect this, reply to the mail that brought you here.</p>
