Your interview for {{job_title}} at {{company_name}} is booked.
Everything you need is in this mail.
