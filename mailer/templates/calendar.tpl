% if link:
{{opening}}
You need no login, and there is nothing to install.
Open your interview: {{link}}
% else:
{{lead}}
% end
