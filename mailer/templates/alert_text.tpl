To fix: {{fix}}

{{headline}}

% for name, value in facts:
- {{name}}: {{value}}
% end

Every failure is mailed once, to the address in OPS_EMAIL.
All runs of jobs: python -m notebooks history
