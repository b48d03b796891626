Hello {{candidate_name}},

{{lead}}

% for label, value in details:
- {{label}}: {{value}}
% end

% if link:
Your personal link:

{{link}}

{{opening}}

What to do:

% for step in steps:
- {{step}}
% end

% end
% if notes:
Notes for you:

{{notes}}

% end
{{closing}}

{{company_name}}
