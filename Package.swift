// swift-tools-version: 6.2
// Targets stand in ring order (see the Architecture article): an arrow may only point inward.
// `Tests/TidyTests/LayeringTests.swift` holds the table of allowed imports.
import PackageDescription

let strict: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableExperimentalFeature("Lifetimes"),
]

// `swift build --traits Embedded --target X` compiles rings 0 and 1 as Embedded Swift; ring 0 also
// proves there that it never allocates.
var embeddable: [SwiftSetting] =
  strict + [
    .enableExperimentalFeature("Embedded", .when(traits: ["Embedded"])),
    .unsafeFlags(["-wmo"], .when(traits: ["Embedded"])),
  ]
#if compiler(>=6.3)
  embeddable.append(.treatWarning("EmbeddedRestrictions", as: .error))
#endif

let ring0: [SwiftSetting] =
  embeddable + [.unsafeFlags(["-no-allocations"], .when(traits: ["Embedded"]))]
let ring1 = embeddable
// Tens of thousands of seeds run in the release build; debug builds, in which its tests run, watch its accesses.
let simulator =
  strict + [.unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release))]
let ring2 = strict
let ring3 = strict

let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

// An edge-only checkout (ARM gateways, Debian's Swift 6.2) needs rings 0 to 2 alone:
// `TALLYSTICK_EDGE=1 swift build` neither fetches nor builds the head end.
let withHeadEnd = Context.environment["TALLYSTICK_EDGE"] == nil

let package = Package(
  name: "tallystick",
  products: [
    .executable(name: "tallyd", targets: ["tallyd"]),
    .executable(name: "tally", targets: ["tally"]),
    .executable(name: "tally-sim", targets: ["tally-sim"]),
  ],
  traits: [
    .trait(name: "Embedded", description: "Compile rings 0 and 1 as Embedded Swift."),
    .default(enabledTraits: []),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2")
  ],
  targets: [
    // MARK: ring 0, core
    .target(name: "Metering", swiftSettings: ring0),
    .target(name: "HAL", dependencies: ["Metering"], swiftSettings: ring0),
    .target(name: "MeterProtocols", dependencies: ["Metering", "HAL"], swiftSettings: ring0),
    .target(name: "CSHA256"),
    .target(
      name: "TransparencyLog",
      dependencies: [
        "Metering", "HAL", .target(name: "CSHA256", condition: .when(platforms: [.linux])),
      ], swiftSettings: ring0),
    .target(
      name: "Sampling", dependencies: ["Metering", "HAL", "MeterProtocols", "TransparencyLog"],
      swiftSettings: ring0),
    .target(
      name: "Journal", dependencies: ["Metering", "HAL", "TransparencyLog"], swiftSettings: ring0),

    // MARK: ring 1, portable logic
    .target(
      name: "Uplink", dependencies: ["Metering", "HAL", "TransparencyLog"], swiftSettings: ring1),
    .target(
      name: "Gateway",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "Sampling", "TransparencyLog", "Journal", "Uplink",
      ], swiftSettings: ring1),
    .target(
      name: "Simulator",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "Sampling", "TransparencyLog", "Journal", "Uplink",
        "Gateway",
      ], swiftSettings: simulator),

    // MARK: ring 2, edge shell
    .systemLibrary(
      name: "CSerialPort", pkgConfig: "libserialport", providers: [.apt(["libserialport-dev"])]),
    .systemLibrary(name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(name: "CYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
    .systemLibrary(
      name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
    .target(name: "CLinux"),
    .target(
      name: "HostHAL", dependencies: ["Metering", "HAL", "CLinux", "CSerialPort"],
      swiftSettings: ring2),
    .target(
      name: "HostCrypto", dependencies: ["HAL", "TransparencyLog", "CSodium", "CLinux"],
      swiftSettings: ring2),
    .target(name: "HostCodec", dependencies: ["HAL", "CZstd"], swiftSettings: ring2),
    .target(
      name: "Catalog",
      dependencies: ["Metering", "HAL", "MeterProtocols", "TransparencyLog", "HostHAL", "CYAML"],
      exclude: ["Profiles"], swiftSettings: ring2),
    .target(
      name: "SiteComposition",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "Sampling", "TransparencyLog", "Gateway", "HostHAL",
        "Catalog",
      ], swiftSettings: ring2),
    .target(
      name: "MirrorUplink", dependencies: ["HAL", "Uplink", "CLinux", "CCurl"],
      swiftSettings: ring2),
    .target(
      name: "DirectoryUplink", dependencies: ["HAL", "TransparencyLog", "Uplink", "HostHAL"],
      swiftSettings: ring2),
    .target(
      name: "Verification",
      dependencies: [
        "Metering", "HAL", "TransparencyLog", "Journal", "HostHAL", "HostCrypto", "HostCodec",
      ],
      swiftSettings: ring2),
    .target(
      name: "AgentClient",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "TransparencyLog", "Uplink", "Gateway", "HostHAL",
        "Catalog",
      ], swiftSettings: ring2),

    .target(
      name: "CommandLineFrame", dependencies: ["HostHAL", "Catalog", argumentParser],
      swiftSettings: ring2),

    // MARK: executables: parse, compose, run
    .executableTarget(
      name: "tallyd",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "Sampling", "TransparencyLog", "Journal", "Uplink",
        "Gateway", "HostHAL", "HostCrypto", "HostCodec", "Catalog", "SiteComposition",
        "MirrorUplink", "DirectoryUplink", "CLinux",
      ], swiftSettings: ring2,
      // The standard library inside: a gateway needs no Swift, and a third less memory is resident. That of C++, of which
      // little is used, is inside too where `scripts/build` has put it there: a twentieth less.
      linkerSettings: [
        .unsafeFlags([
          "-static-stdlib", "-L.build/link", "-Xclang-linker", "-static-libgcc", "-Xlinker",
          "--no-export-dynamic",
        ])
      ]),
    .executableTarget(
      name: "tally",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "TransparencyLog", "Catalog", "HostHAL", "HostCrypto",
        "Verification", "AgentClient", "MirrorUplink", "CLinux", "CommandLineFrame", argumentParser,
      ], swiftSettings: ring2),
    .executableTarget(
      name: "tally-sim",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "TransparencyLog", "Uplink", "Gateway", "Simulator",
        "Catalog", "SiteComposition", "HostHAL", "HostCrypto", "AgentClient", "CLinux",
        "CommandLineFrame", argumentParser,
      ], exclude: ["PlantData"], swiftSettings: ring2),

    // MARK: tests
    .target(name: "CAllocationCount", path: "Tests/CAllocationCount"),
    .target(name: "CSerialOnTerminal", path: "Tests/CSerialOnTerminal"),
    .testTarget(
      name: "MeteringTests", dependencies: ["Metering", "FuzzKit"], swiftSettings: strict),
    .testTarget(
      name: "MeterProtocolsTests", dependencies: ["Metering", "HAL", "MeterProtocols", "FuzzKit"],
      exclude: ["Vectors"], swiftSettings: strict),
    .testTarget(
      name: "TransparencyLogTests",
      dependencies: [
        "Metering", "HAL", "TransparencyLog", "HostCrypto", "CSodium", "CSHA256", "Articles",
      ],
      exclude: ["Vectors"], swiftSettings: strict),
    .target(name: "Articles", path: "Tests/Articles", swiftSettings: strict),
    .target(
      name: "MemoryStorage", dependencies: ["HAL"], path: "Tests/MemoryStorage",
      swiftSettings: strict),
    .testTarget(
      name: "JournalTests",
      dependencies: [
        "Metering", "HAL", "TransparencyLog", "Journal", "Simulator", "HostHAL", "HostCodec",
        "MemoryStorage", "Articles",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "SamplingTests",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "Sampling", "TransparencyLog", "CAllocationCount",
      ], swiftSettings: strict),
    .testTarget(
      name: "UplinkTests",
      dependencies: [
        "Metering", "HAL", "TransparencyLog", "Uplink", "Simulator", "HostCrypto", "Articles",
      ], exclude: ["Vectors"], swiftSettings: strict),
    .testTarget(
      name: "GatewayTests",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "Sampling", "TransparencyLog", "Journal", "Uplink",
        "Gateway", "Simulator", "HostCrypto", "HostHAL", "MemoryStorage", "CAllocationCount",
      ], swiftSettings: strict),
    .testTarget(
      name: "SimulatorTests",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "Sampling", "TransparencyLog", "Journal", "Uplink",
        "Gateway", "Simulator", "HostCrypto",
      ], exclude: ["campaigns.tsv"], swiftSettings: strict),
    .testTarget(
      name: "HostHALTests",
      dependencies: [
        "Metering", "HAL", "HostHAL", "CLinux", "CAllocationCount", "CSerialOnTerminal",
      ], swiftSettings: strict),
    .testTarget(
      name: "CatalogTests",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "TransparencyLog", "HostHAL", "Catalog", "Articles",
        "FuzzKit",
      ],
      exclude: ["Captures"], swiftSettings: strict),
    .testTarget(
      name: "MirrorUplinkTests",
      dependencies: ["HAL", "Uplink", "MirrorUplink", "CLinux", "HostHAL"],
      swiftSettings: strict),
    .testTarget(
      name: "DirectoryUplinkTests",
      dependencies: ["HAL", "TransparencyLog", "Uplink", "HostHAL", "DirectoryUplink"],
      swiftSettings: strict),
    .testTarget(
      name: "VerificationTests",
      dependencies: [
        "Metering", "HAL", "TransparencyLog", "Journal", "HostHAL", "HostCrypto", "HostCodec",
        "Verification", "CLinux", "MemoryStorage",
      ], swiftSettings: strict),
    .testTarget(
      name: "AgentClientTests",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "TransparencyLog", "Uplink", "Gateway", "HostHAL",
        "Catalog", "AgentClient",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "DemoTests", dependencies: ["Catalog", "HostHAL", "Simulator", "tally-sim"],
      swiftSettings: strict),
    .testTarget(
      // tallyd is built beside them; as a dependency its static standard library would be linked here.
      name: "ProgramTests", dependencies: ["HostHAL", "tally", "tally-sim"],
      swiftSettings: strict),
    .testTarget(name: "TidyTests", dependencies: ["Articles"], swiftSettings: strict),
  ],
  swiftLanguageModes: [.v6]
)

// MARK: ring 3, head end
if withHeadEnd {
  package.products.append(.executable(name: "tally-collector", targets: ["tally-collector"]))
  package.dependencies += [
    .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1"),
  ]
  package.targets += [
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "ReadingStore",
      dependencies: ["Metering", .product(name: "GRDB", package: "GRDB.swift")],
      swiftSettings: ring3),
    .target(
      name: "Collector",
      dependencies: [
        "Metering", "MeterProtocols", "TransparencyLog", "HAL", "Uplink", "HostHAL", "HostCrypto",
        "Catalog", "ReadingStore", "CZlib", .product(name: "GRDB", package: "GRDB.swift"),
        .product(name: "Hummingbird", package: "hummingbird"),
      ], swiftSettings: ring3),
    .executableTarget(
      name: "tally-collector",
      dependencies: [
        "Metering", "HAL", "Collector", "ReadingStore", "HostCrypto", "HostHAL", "Catalog",
        "CommandLineFrame", argumentParser,
      ],
      swiftSettings: ring3),
    .testTarget(
      name: "CollectorTests",
      dependencies: [
        "Metering", "HAL", "MeterProtocols", "TransparencyLog", "Uplink", "HostHAL", "HostCrypto",
        "Catalog", "ReadingStore", "Collector", "CZlib",
        .product(name: "HummingbirdTesting", package: "hummingbird"),
        .product(name: "GRDB", package: "GRDB.swift"),
      ], exclude: ["Vectors"], swiftSettings: strict,
      // HummingbirdTesting brings BoringSSL, which is C++.
      linkerSettings: [.linkedLibrary("stdc++")]),
  ]
}

// MARK: hostile input
// One library for each target of Tests/Fuzz, which the tests use too; the programs that libFuzzer
// drives exist only for `scripts/fuzz`.
struct FuzzTarget {
  let name: String
  let module: String
  let dependencies: [Target.Dependency]
}
var fuzzTargets = [
  FuzzTarget(name: "modbus", module: "Modbus", dependencies: ["MeterProtocols"]),
  FuzzTarget(name: "dlt645", module: "DLT645", dependencies: ["MeterProtocols"]),
  FuzzTarget(name: "entry", module: "Entry", dependencies: ["TransparencyLog"]),
  FuzzTarget(name: "note", module: "Note", dependencies: ["TransparencyLog"]),
  FuzzTarget(name: "journal", module: "Journal", dependencies: ["TransparencyLog", "Journal"]),
  FuzzTarget(name: "sealed", module: "Sealed", dependencies: ["Journal"]),
  FuzzTarget(
    name: "control", module: "Control",
    dependencies: ["TransparencyLog", "Gateway", "Catalog", "AgentClient"]),
  FuzzTarget(name: "site", module: "Site", dependencies: ["MeterProtocols", "Catalog"]),
  FuzzTarget(
    name: "profile", module: "Profile", dependencies: ["MeterProtocols", "Catalog", "FuzzSite"]),
]
if withHeadEnd {
  fuzzTargets.append(
    FuzzTarget(
      name: "routes", module: "Routes",
      dependencies: [
        "MeterProtocols", "TransparencyLog", "HostCrypto", "HostHAL", "ReadingStore", "Collector",
        "CZlib", .product(name: "Hummingbird", package: "hummingbird"),
      ]))
}
package.targets.append(
  .target(
    name: "FuzzKit", dependencies: ["Metering", "HAL", "MeterProtocols"], path: "Tests/Fuzz/Kit",
    swiftSettings: strict))
for target in fuzzTargets {
  package.targets.append(
    .target(
      name: "Fuzz\(target.module)",
      dependencies: ["FuzzKit", "Metering", "HAL"] + target.dependencies,
      path: "Tests/Fuzz/\(target.module)", swiftSettings: strict))
  if Context.environment["TALLYSTICK_FUZZ"] != nil {
    package.targets.append(
      .executableTarget(
        name: "fuzz-\(target.name)", dependencies: [.target(name: "Fuzz\(target.module)")],
        path: "Tests/Fuzz/Start/\(target.name)", swiftSettings: strict))
  }
}
package.targets.append(
  .testTarget(
    name: "FuzzTests",
    dependencies: ["FuzzKit"]
      + fuzzTargets.filter { $0.name != "routes" }.map { .target(name: "Fuzz\($0.module)") },
    swiftSettings: strict))
if withHeadEnd {
  package.targets.append(
    .testTarget(
      name: "FuzzRoutesTests", dependencies: ["FuzzKit", "FuzzRoutes"], swiftSettings: strict))
}
