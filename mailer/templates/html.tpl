<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{heading}}</title>
</head>
<body>
<div style="max-width:36em;margin:0 auto;padding:8px;font:16px/1.5 Arial,Helvetica,sans-serif;overflow-wrap:anywhere">
<h1 style="font-size:22px">{{heading}}</h1>
<p dir="auto">Hello {{candidate_name}},</p>
<p>{{lead}}</p>
<ul style="padding-left:20px">
% for label, value in details:
<li><b>{{label}}:</b> <bdi>{{value}}</bdi></li>
% end
</ul>
% if link:
<table role="presentation" cellpadding="0" cellspacing="0" border="0">
<tr><td style="background:#1a5fb4;mso-padding-alt:12px 20px"><a href="{{link}}"
style="display:inline-block;padding:12px 20px;background:#1a5fb4;color:#ffffff;font:bold 16px/1.5 Arial,Helvetica,sans-serif">Open
your interview</a></td></tr>
</table>
<p>{{opening}}</p>
<h2 style="font-size:18px">What to do</h2>
<ul style="padding-left:20px">
% for step in steps:
<li>{{step}}</li>
% end
</ul>
% end
% if notes:
<h2 style="font-size:18px">Notes for you</h2>
<p dir="auto">
% for line in notes.split("\n"):
{{line}}<br>
% end
</p>
% end
<p>{{closing}}</p>
<p dir="auto">{{company_name}}</p>
</div>
</body>
</html>
