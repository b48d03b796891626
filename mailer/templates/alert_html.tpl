<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{{headline}}</title>
</head>
<body>
<div style="max-width:36em;margin:0 auto;padding:8px;font:16px/1.5 Arial,Helvetica,sans-serif;overflow-wrap:anywhere">
<p dir="auto"><b>To fix:</b> {{fix}}</p>
<h1 style="font-size:20px" dir="auto">{{headline}}</h1>
<table cellpadding="4" cellspacing="0" border="0">
% for name, value in facts:
<tr><th scope="row" align="left" valign="top" style="overflow-wrap:normal">{{name}}</th><td valign="top"><bdi>{{value}}</bdi></td></tr>
% end
</table>
<p>The same failure is mailed at most once an hour (that of a run at a terminal each time), to the address in OPS_EMAIL.<br>
All runs of jobs: <code>python -m notebooks history</code></p>
</div>
</body>
</html>
