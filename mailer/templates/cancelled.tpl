Your interview for {{job_title}} at {{company_name}} is cancelled.
It will not take place, and there is nothing you need to do.
The link in your earlier mail no longer opens it.
