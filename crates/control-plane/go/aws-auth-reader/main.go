// Reads aws-auth with aws-iam-authenticator's own code, one JSON request a line on stdin, one JSON reply a line on
// stdout. Development only: the tests hold the Rust reader to it.
//
//	{"read": "text"}            what each of the three keys serves when its value is this text
//	{"lookup": {"data": {"mapRoles": "..."}, "arn": "arn:aws:sts::...", "sso": true}}
//	                            every outcome that the matching can have for this caller, placeholders not filled in
//	{"admit": {"data": ..., "arn": ..., "sso": ..., "accountID": ..., "sessionName": ...,
//	           "accessKeyID": ...,
//	           "instances": {"i-...": "name"}, "reserved": ["system:"]}}
//	                            whom the server makes of a caller of whom STS has said this: one outcome, and all that
//	                            chance may have
//	{"canonicalize": "arn"}     the canonical ARN, or null
//	{"characters": [75, 8490]}  how Go lower-cases and folds these characters
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"unicode"

	"github.com/sirupsen/logrus"
	"sigs.k8s.io/aws-iam-authenticator/pkg/arn"
	"sigs.k8s.io/aws-iam-authenticator/pkg/config"
	"sigs.k8s.io/aws-iam-authenticator/pkg/mapper/configmap"
)

type request struct {
	Read         *string `json:"read"`
	Canonicalize *string `json:"canonicalize"`
	Lookup       *lookup `json:"lookup"`
	Admit        *caller `json:"admit"`
	Characters   []rune  `json:"characters"`
}

type lookup struct {
	Data map[string]string `json:"data"`
	Arn  string            `json:"arn"`
	Sso  bool              `json:"sso"`
}

type entry struct {
	Arn      string   `json:"arn"`
	Username string   `json:"username"`
	Groups   []string `json:"groups"`
	UserID   string   `json:"userid"`
	Sso      *sso     `json:"sso"`
}

type sso struct {
	PermissionSetName string `json:"permissionSetName"`
	AccountID         string `json:"accountID"`
	Partition         string `json:"partition"`
}

type served struct {
	Error    string   `json:"error"`
	Entries  []entry  `json:"entries"`
	Accounts []string `json:"accounts"`
}

func role(m config.RoleMapping) entry {
	e := entry{Arn: m.RoleARN, Username: m.Username, Groups: m.Groups, UserID: m.UserId}
	if m.SSO != nil {
		e.Sso = &sso{m.SSO.PermissionSetName, m.SSO.AccountID, m.SSO.Partition}
	}
	return e
}

func user(m config.UserMapping) entry {
	return entry{Arn: m.UserARN, Username: m.Username, Groups: m.Groups, UserID: m.UserId}
}

// read is what one key serves, and the error that the authenticator would log, a panic among them.
func read(key, text string) (s served) {
	defer func() {
		if p := recover(); p != nil {
			s = served{Error: fmt.Sprintf("panic: %v", p)}
		}
	}()
	users, roles, accounts, err := configmap.ParseMap(map[string]string{key: text})
	if err != nil {
		s.Error = err.Error()
	}
	for _, m := range roles {
		s.Entries = append(s.Entries, role(m))
	}
	for _, m := range users {
		s.Entries = append(s.Entries, user(m))
	}
	s.Accounts = accounts
	return s
}

// matching keeps the entries as the authenticator's store does, and lists each one that a walk through its map may meet
// first.
func matching(
	canonical string, users []config.UserMapping, roles []config.RoleMapping,
) (matchingRoles []config.RoleMapping, matchingUsers []config.UserMapping) {
	subject := strings.ToLower(canonical)
	roleMap, userMap := map[string]config.RoleMapping{}, map[string]config.UserMapping{}
	for _, m := range roles {
		roleMap[m.Key()] = m
	}
	for _, m := range users {
		userMap[m.Key()] = m
	}
	for _, m := range roleMap {
		if m.Matches(subject) {
			matchingRoles = append(matchingRoles, m)
		}
	}
	if len(matchingRoles) > 0 {
		return matchingRoles, nil
	}
	for _, m := range userMap {
		if m.Matches(subject) {
			matchingUsers = append(matchingUsers, m)
		}
	}
	return nil, matchingUsers
}

// outcomes is every entry that may be the caller's.
func outcomes(l lookup) map[string]any {
	_, canonical, err := arn.Canonicalize(l.Arn)
	if err != nil {
		return map[string]any{"canonical": nil}
	}
	config.SSORoleMatchEnabled = l.Sso
	users, roles, accounts, _ := configmap.ParseMap(l.Data)
	matches := []entry{}
	matchingRoles, matchingUsers := matching(canonical, users, roles)
	for _, m := range matchingRoles {
		matches = append(matches, role(m))
	}
	for _, m := range matchingUsers {
		matches = append(matches, user(m))
	}
	return map[string]any{"canonical": canonical, "matches": matches, "accounts": accounts}
}

func answer(line []byte) any {
	var r request
	if err := json.Unmarshal(line, &r); err != nil {
		return map[string]string{"refused": err.Error()}
	}
	switch {
	case r.Read != nil:
		return []served{read("mapRoles", *r.Read), read("mapUsers", *r.Read), read("mapAccounts", *r.Read)}
	case r.Canonicalize != nil:
		_, canonical, err := arn.Canonicalize(*r.Canonicalize)
		if err != nil {
			return nil
		}
		return canonical
	case r.Lookup != nil:
		return outcomes(*r.Lookup)
	case r.Admit != nil:
		return admit(*r.Admit)
	case r.Characters != nil:
		pairs := [][2]rune{}
		for _, c := range r.Characters {
			least := c
			for other := unicode.SimpleFold(c); other != c; other = unicode.SimpleFold(other) {
				least = min(least, other)
			}
			pairs = append(pairs, [2]rune{unicode.ToLower(c), least})
		}
		return pairs
	}
	return map[string]string{"refused": "nothing is asked"}
}

func main() {
	logrus.SetOutput(io.Discard)
	// Many small documents: what is kept between them is next to nothing.
	debug.SetGCPercent(800)
	in, out := bufio.NewReader(os.Stdin), bufio.NewWriter(os.Stdout)
	encoder := json.NewEncoder(out)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			break
		}
		if err := encoder.Encode(answer(line)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		// More requests are waiting: their replies go out together.
		if in.Buffered() > 0 {
			continue
		}
		if out.Flush() != nil {
			break
		}
	}
	_ = out.Flush()
}
