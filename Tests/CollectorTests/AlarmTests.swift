import Catalog
import Foundation
import GRDB
import HostHAL
import ReadingStore
import Testing

@testable import Collector

/// What an operator reads when the collector cannot go on: one language, the file, and what to do.
@Suite struct AlarmTests {
  @Test func `a full disk names the file and what to do, in one language`() throws {
    let file = AlarmReason(
      FileError.noSpace(path: "/data/logs/ab/tmp/tile"), database: "/data/collector.sqlite")
    let full = AlarmReason(
      DatabaseError(
        resultCode: .SQLITE_FULL, message: "database or disk is full", sql: "INSERT INTO reading"),
      database: "/data/readings.sqlite")
    for (reason, path, directory) in [
      (file, "/data/logs/ab/tmp/tile", "/data/logs/ab/tmp"),
      (full, "/data/readings.sqlite", "/data"),
    ] {
      #expect(
        reason.english
          == "no space is left for \(path): free space on the file system of \(directory)")
      #expect(reason.chinese == "\(path) 所在磁盘空间不足：请在 \(directory) 所在的文件系统上释放空间")
    }
    let alarm = CollectorAlarm.mirrorFailed(origin: "a/1", reason: file)
    #expect(alarm.text(.english).contains("Nothing is lost: the gateway keeps"))
    #expect(alarm.text(.chinese).contains("数据不会丢失"))
    let decoding = CollectorAlarm.decodingFailed(origin: "a/1", reason: full)
    #expect(decoding.text(.english).contains("The entries stay stored"))
  }

  @Test func `no alarm shows a value of the program, a statement, or the other language`() {
    let errors: [any Error] = [
      FileError.noSpace(path: "/d/f"), FileError.readOnly(path: "/d/f"),
      DatabaseError(resultCode: .SQLITE_IOERR, message: "disk I/O error", sql: "INSERT INTO x"),
      MirrorFault.lostEntries(stored: 1, cosigned: 2),
      MirrorFault.olderDatabase(stored: 2, pending: 1), MirrorFault.damagedFile("tile/0/000"),
      MirrorFault.otherRoot(size: 7), MirrorFault.noSignature,
    ]
    for error in errors {
      let reason = AlarmReason(error, database: "/d/collector.sqlite")
      let alarms: [CollectorAlarm] = [
        .mirrorFailed(origin: "a/1", reason: reason), .stateUnreadable(reason: reason),
        .decodingFailed(origin: nil, reason: reason),
        .refusedCheckpointNotKept(origin: "a/1", reason: reason),
        .newEpoch(origin: "a/2", previous: "a/1"),
      ]
      for alarm in alarms {
        let english = alarm.text(.english)
        let isChinese = { (text: String) in
          text.unicodeScalars.contains { (0x4E00...0x9FFF).contains($0.value) }
        }
        #expect(!isChinese(english) && isChinese(alarm.text(.chinese)), "\(english)")
        for raw in ["(path:", "stored:", "INSERT", "SQLITE_"] {
          #expect(!english.contains(raw), "\(english)")
        }
      }
    }
  }

  @Test func `an entry that was not understood is shown in both languages`() {
    let problem = StatusProblem(
      DecodeProblem(
        index: 17, kind: DecodeProblemKind.missingFrames.rawValue,
        detail: "frames of an answer are missing: after the first 1"))
    #expect(problem.index == 17)
    #expect(problem.english == "frames of an answer are missing: after the first 1")
    #expect(problem.chinese == "应答缺少部分帧（after the first 1）")
  }

  @Test func `why it cannot listen is a sentence`() {
    let other = CollectorFailure.cannotListen(address: "1.2.3.4:80", errno: EADDRNOTAVAIL)
    #expect(
      other.english
        == "cannot listen on 1.2.3.4:80: this machine has no such address. Choose one that 'ip address' shows, or "
        + "127.0.0.1, with --listen")
    #expect(other.chinese.contains("本机没有该地址"))
    for errno in [EADDRNOTAVAIL, EACCES, ENETDOWN] {
      let failure = CollectorFailure.cannotListen(address: "1.2.3.4:80", errno: errno)
      for text in [failure.english, failure.chinese] {
        #expect(!text.contains("errno") && text.contains("--listen"))
      }
    }
  }
}
