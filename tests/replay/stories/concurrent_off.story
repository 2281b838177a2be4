# both limits off: any number of connections, and no question for a name nobody needs
set smtp.concurrent off
set smtp.new off
at 0s  ready
at 0s  flow 192.0.2.9:1001-1200 open
check source 192.0.2.9 smtp concurrent 200 standing normal
