# In a mount namespace of its own: avahi-daemon, and the D-Bus that its tools reach it by.
set -e
mount -t tmpfs tmpfs /run
mkdir -p /run/dbus /run/avahi-daemon
cat > /run/avahi-daemon.conf <<END
[server]
host-name=avahi
allow-interfaces=eth0
enable-dbus=yes
[wide-area]
enable-wide-area=no
[publish]
publish-workstation=no
END
dbus-daemon --system --nopidfile --nofork &
while [ ! -S /run/dbus/system_bus_socket ]; do sleep 0.02; done
exec avahi-daemon --file /run/avahi-daemon.conf --no-drop-root --no-chroot --no-rlimits
