"""On a host of the LAN: python-zeroconf, which browses for `_olocus._tcp` and registers services of that type."""
import json
import socket
import sys
import threading
import time

from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, Zeroconf

TYPE = '_olocus._tcp.local.'
QUEUES = ('_out_queue', '_out_delay_queue')
lock = threading.Lock()
zeroconf = None
registered = {}


def write(value):
    with lock:
        print(json.dumps(value), flush=True)


class Listener:
    def tell(self, what, service_type, name):
        # A browser's thread must not wait for answers itself.
        def resolve():
            info = None if what == 'remove' else zeroconf.get_service_info(service_type, name, 3000)
            write({'event': {
                'what': what,
                'name': name,
                **({} if info is None else {
                    'host': info.server,
                    'port': info.port,
                    'addresses': info.parsed_addresses(),
                    'txt': {key.decode(): (value or b'').decode() for key, value in info.properties.items()}
                })
            }})
        threading.Thread(target=resolve).start()

    def add_service(self, _, service_type, name):
        self.tell('add', service_type, name)

    def update_service(self, _, service_type, name):
        self.tell('update', service_type, name)

    def remove_service(self, _, service_type, name):
        self.tell('remove', service_type, name)


def start(address):
    global zeroconf
    zeroconf = Zeroconf(interfaces=[address], ip_version=IPVersion.V4Only)


def browse():
    ServiceBrowser(zeroconf, TYPE, Listener())


def info(name, host, address, port, txt):
    return ServiceInfo(TYPE, f'{name}.{TYPE}', port, properties=txt, server=host, addresses=[socket.inet_aton(address)])


def register(name, *rest):
    registered[name] = info(name, *rest)
    zeroconf.register_service(registered[name])


def update(name, *rest):
    registered[name] = info(name, *rest)
    zeroconf.update_service(registered[name])


def unregister(name):
    # It sends answers that it has put off also after the goodbye (0.47.3), which then counts for nothing.
    while any(getattr(zeroconf, queue).queue for queue in QUEUES if hasattr(zeroconf, queue)):
        time.sleep(0.01)
    zeroconf.unregister_service(registered.pop(name))


commands = {f.__name__: f for f in (start, browse, register, update, unregister)}
for line in sys.stdin:
    request = json.loads(line)
    try:
        write({'id': request['id'], 'value': commands[request['command']](*request['args'])})
    except Exception as error:
        write({'id': request['id'], 'error': repr(error)})
if zeroconf is not None:
    zeroconf.close()
