Your interview for {{job_title}} at {{company_name}} has a new time.
The link stays the same: the one in your earlier mail works too.
