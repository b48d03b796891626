To fix: {{fix}}

{{headline}}

% for name, value in facts:
- {{name}}: {{value}}
% end

The same failure is mailed at most once an hour (that of a run at a terminal each time), to the address in OPS_EMAIL.
All runs of jobs: python -m notebooks history
