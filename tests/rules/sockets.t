# Sockets: addresses, networks, ports with service names, both ends.

scene
  proc pid=10 name=curl exe=curl
  fd pid=10 num=5 type=ipv4 l4=tcp name=10.0.0.1:40000->192.168.1.2:443 role=client
  event sendto exit @tid=10 res=3 data=abc fd=5 size=3
true fd.type = ipv4
true fd.typechar = 4
true fd.l4proto = tcp
true fd.sockfamily = ip
true fd.cip = 10.0.0.1
true fd.sip = 192.168.1.2
true fd.cport = 40000
true fd.sport = 443
true fd.sport = https
true fd.sport in (http, https)
false fd.sport = ssh
true fd.sport != ssh
true fd.sport < 1024
true fd.sip != 1.1.1.1
false fd.sip = ::1
true fd.sip != ::1
true fd.sip in (1.1.1.1, 192.168.1.2)
true fd.snet = 192.168.0.0/16
true fd.snet != 10.0.0.0/8
true fd.snet in (10.0.0.0/8, 192.168.0.0/16)
true fd.snet in (0.0.0.0/0)
false fd.snet in (10.0.0.0/8, 192.168.2.0/24)
true fd.snet = 192.168.1.2/32
true fd.snet = 192.168.1.3/31
false fd.snet = 192.168.1.0/31
true fd.cnet = 10.0.0.0/8
# Either end will do; not equal means that neither is.
true fd.ip = 10.0.0.1
true fd.ip = 192.168.1.2
false fd.ip = 1.1.1.1
false fd.ip != 10.0.0.1
false fd.ip != 192.168.1.2
true fd.ip != 1.1.1.1
true fd.ip in (1.1.1.1, 10.0.0.1)
true fd.port = 443
true fd.port = 40000
false fd.port = 80
false fd.port != https
true fd.port != 80
true fd.port in (80, 443)
true fd.net = 10.0.0.0/8
true fd.net = 192.168.0.0/16
false fd.net != 10.0.0.0/8
true fd.net != 172.16.0.0/12
# Of a list for fd.net only the first item counts.
true fd.net in (10.0.0.0/8, 172.16.0.0/12)
false fd.net in (172.16.0.0/12, 10.0.0.0/8)
true fd.is_server = false
true fd.name contains ->
true fd.name endswith :443

scene
  proc pid=10 name=curl exe=curl
  fd pid=10 num=5 type=ipv6 l4=udp name=[fe80::1]:5000->[2001:db8::2]:53 role=client
  event sendto exit @tid=10 res=3 data=abc fd=5 size=3
true fd.type = ipv6
true fd.l4proto = udp
true fd.sip = 2001:db8::2
true fd.sip = "2001:0db8:0::2"
false fd.sip = 10.0.0.1
true fd.sip != 10.0.0.1
true fd.snet = 2001:db8::/32
true fd.snet in (10.0.0.0/8, 2001:db8::/33)
false fd.snet = 2001:db9::/32
true fd.snet = ::/0
true fd.snet != 0.0.0.0/0
true fd.sport = domain
true fd.ip = fe80::1

# Not a socket: even != is false.
scene
  proc pid=10 name=cat exe=cat
  fd pid=10 num=3 type=file name=/etc/passwd
  event read exit @tid=10 res=3 data=abc fd=3 size=3
false fd.sip != 10.0.0.1
false fd.ip != 10.0.0.1
false fd.port != 80
false fd.net != 10.0.0.0/8
false fd.snet != 10.0.0.0/8
false fd.snet in (0.0.0.0/0)
true not fd.snet in (0.0.0.0/0)
