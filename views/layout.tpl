<!doctype html>
<html lang="{{t.language}}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow">
<meta name="interview-state" content="{{state}}">
<title>{{title}}</title>
<link rel="icon" type="image/svg+xml" href="{{static['icon.svg']}}">
<link rel="stylesheet" href="{{static['portal.css']}}">
<script src="{{static['portal.js']}}" defer></script>
</head>
<body data-words="{{t.script}}">
<div class="page">
<header class="top"><p><img src="{{static['icon.svg']}}" alt="" width="28" height="28"> {{t('page.brand')}}</p></header>
{{!base}}
<footer class="bottom"><p>{{t('page.help')}}</p></footer>
</div>
<aside class="messages" aria-label="{{t('page.messages')}}"><p class="hint" data-warning hidden></p><p class="remark" data-remark hidden></p><p class="notice" role="alert" data-notice hidden></p></aside>
<p class="unseen" role="status" data-spoken></p>
</body>
</html>
