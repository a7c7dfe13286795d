// SPDX-License-Identifier: Apache-2.0
// Boost.Asio and Boost.Beast, as far as the server uses them. They are large: included by few files, compiled once in
// network.cc.
#pragma once

#include <boost/version.hpp>
#if BOOST_VERSION < 108100
#error \
    "Thimble's server needs Boost 1.81 or newer (Debian 12: libboost1.81-dev); -DTHIMBLE_SERVER=OFF builds without it"
#endif

#define BOOST_ASIO_NO_DEPRECATED 1
#define BOOST_ASIO_SEPARATE_COMPILATION 1
#define BOOST_BEAST_SEPARATE_COMPILATION 1

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
