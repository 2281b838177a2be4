# the kernel's sets held against the bans
at 0s     ready
at 0s     ban 192.0.2.1 1h
expect add 192.0.2.1 1h operator
expect ban 192.0.2.1 operator
at 0s     ban 192.0.2.2 never
expect add 192.0.2.2 never operator
expect ban 192.0.2.2 operator
# one ends too early
at 60s    audit begin
at 60s    audit 192.0.2.1 58m
expect add 192.0.2.1 59m operator
at 60s    audit 192.0.2.2 never
at 60s    audit end
check audit_added 1
# foreign, and one about to go by itself
at 120s   audit begin
at 120s   audit 192.0.2.3 1h
expect delete 192.0.2.3
at 120s   audit 192.0.2.4 1s
# nothing is missing before all was seen
at 120s   audit end incomplete
check audit_deleted 1
at 180s   audit begin
at 180s   audit 192.0.2.2 never
at 180.1s ban 192.0.2.5 1h
expect add 192.0.2.5 1h operator
expect ban 192.0.2.5 operator
at 180.2s audit end
expect add 192.0.2.1 3419800ms operator
