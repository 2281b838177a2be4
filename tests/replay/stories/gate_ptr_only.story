# where every gated service is content with any PTR, one that does not resolve back refuses nobody
set smtp.reverse_dns require
set smtp.reverse_dns_test ptr
at 0s     ready
at 1s     packet 1 192.0.2.9
expect resolve 192.0.2.9
at 1.01s  answer 192.0.2.9 mismatch host.example.org
expect gate-add passed 192.0.2.9 10m
expect repeat 1
at 2s     packet 2 192.0.2.9
expect accept 2
check gated 192.0.2.9 passed
check gate accepted_ptr 2 refused_sources 0
# a stricter test: judged anew by the name that is known
set smtp.reverse_dns_test fcrdns
at 3s     reload
expect gate-delete passed 192.0.2.9
at 4s     packet 3 192.0.2.9
expect gate-add refused 192.0.2.9 10m smtp reverse_dns; PTR does not resolve back
expect repeat 3
expect refuse 192.0.2.9 smtp reverse_dns; PTR does not resolve back
